"""Widgets that say what they are where no widgets are shown."""

import ipywidgets as widgets


class InWords(widgets.VBox):
    """A column of widgets whose text, for readers of an executed notebook, is a sentence.

    Attributes
    ----------
    words_instead : str
        That sentence.
    """

    words_instead = ""

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle["text/plain"] = f"{self.words_instead}: run this notebook in JupyterLab to use it."
        return bundle
