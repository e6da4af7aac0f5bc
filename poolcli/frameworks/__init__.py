"""What is known of other frameworks: a row and a file each."""
