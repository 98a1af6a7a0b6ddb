"""What the functional tests share."""
