"""Do the intervals of a prediction cover what happens to synthetic patients of another model?"""
