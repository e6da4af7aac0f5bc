"""Arrays of other libraries: which door they come in by, and go out by again."""
