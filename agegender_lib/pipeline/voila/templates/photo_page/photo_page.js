// What ipywidgets' upload button has no setting for: photos that are dropped, the camera of a phone, and news for
// screen readers. The button opens a file input that is in no document, so it is met where it is clicked.
(() => {
  const root = document.documentElement, input = HTMLInputElement.prototype, click = input.click;
  const upload = () => document.querySelector(".agegender-choose .widget-upload:not(:disabled)");
  const instead = (what) => {
    const button = upload();
    input.click = what;
    try { button?.click(); } finally { input.click = click; }
  };
  const dropping = (on) => root.classList.toggle("agegender-dropping", on);
  root.classList.add("agegender-scripted");
  addEventListener("dragover", (event) => { event.preventDefault(); dropping(true); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) dropping(false); });
  addEventListener("drop", (event) => {
    event.preventDefault();
    dropping(false);
    const files = event.dataTransfer.files;
    if (files.length) instead(function () { this.files = files; this.dispatchEvent(new Event("change")); });
  });
  addEventListener("click", (event) => {
    if (!event.target.closest?.(".agegender-camera")) return;
    instead(function () {
      this.setAttribute("capture", "user");
      for (const over of ["change", "cancel"])
        this.addEventListener(over, () => this.removeAttribute("capture"), { once: true });
      click.call(this);
    });
  });
  new MutationObserver(() => {
    document.querySelectorAll(".agegender-status:not([aria-live])").forEach((part) => { part.ariaLive = "polite"; });
    document.querySelectorAll(".agegender-look button").forEach((button) => {
      const pressed = String(button.classList.contains("mod-active"));
      if (button.ariaPressed !== pressed) button.ariaPressed = pressed;
    });
  }).observe(root, { subtree: true, childList: true, attributeFilter: ["class"] });
})();
