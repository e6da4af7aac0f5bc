"""What is said about poolings: shapes, receptive fields, layers, frameworks compared."""
