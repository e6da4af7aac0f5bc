"""What pooling does, in words and in numbers: what is told of it rather than its results."""
