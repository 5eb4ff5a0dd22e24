"""What studies do in the long run: shares of verdicts, the certificate, how many patients."""
