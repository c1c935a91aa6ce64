"""From the report's notebook, with every number and figure out of results, to a PDF set by Typst."""
