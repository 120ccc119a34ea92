"""Syphus: visual annotations in, multimodal instruction-response pairs out."""
