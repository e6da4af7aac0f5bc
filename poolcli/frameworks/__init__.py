"""What is known of other frameworks."""
