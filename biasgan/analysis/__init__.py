"""What is asked after a training: where the bias is, how real a discriminator finds an image, what bits buy."""
