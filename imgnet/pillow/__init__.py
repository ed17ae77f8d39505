"""The plug-in of Pillow."""
