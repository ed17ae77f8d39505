"""Training, ablation and published recipes; nothing else imports them."""
