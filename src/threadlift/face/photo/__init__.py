"""A face from photographs: decoding, landmarks, fit of the template, colours."""
