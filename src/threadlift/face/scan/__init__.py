"""A face from a 3D scan: reading, cleaning, landmarks, registration of the template."""
