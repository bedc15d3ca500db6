"""Drawing: pictures of pages and mistakes that a person looks at."""
