"""What pooling a picture means beyond pooling its numbers: colours, transparency, light, looks."""
