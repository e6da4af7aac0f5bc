"""What pooling does, told step by step: for eyes and for programs, never for speed."""
