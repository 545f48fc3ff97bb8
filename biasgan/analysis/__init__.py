"""What the trained networks are asked afterwards: where the bias is, and how real a discriminator finds an image."""
