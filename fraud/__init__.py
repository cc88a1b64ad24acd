"""Fraud: what a programme tells of a subject goes in, an assessment that explains itself comes out."""
