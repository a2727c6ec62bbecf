"""What the chunks of a scene share: windows, Fisher information and masks."""
