"""A page that shows a fit while it runs, and the server of the page."""
