// A file over the limit is refused here, before it is sent: a message of that size would break the connection.
// ipywidgets keeps its file field out of the document, so it can be met only when it is opened.
if (!window.agegenderLimit) {
  const open = HTMLInputElement.prototype.click;
  HTMLInputElement.prototype.click = function () {
    if (this.type === "file" && !this.agegenderWatched) {
      this.agegenderWatched = true;
      this.addEventListener("change", (event) => {
        const limit = window.agegenderLimit;
        if (!document.querySelector(".agegender-page") || ![...this.files].some((file) => file.size > limit.bytes)) return;
        event.stopImmediatePropagation();
        this.value = "";
        document.querySelectorAll(".agegender-status .widget-html-content").forEach((place) => {
          place.innerHTML = limit.message;
        });
      }, true);
    }
    return open.call(this);
  };
}
