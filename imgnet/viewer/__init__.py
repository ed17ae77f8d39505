"""A viewer of .inr files in JavaScript, and the pages that hold it."""
