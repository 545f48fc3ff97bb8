"""What a GAN is trained with against the bias."""
