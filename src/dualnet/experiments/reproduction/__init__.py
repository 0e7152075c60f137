"""Running a study, cell by cell, and printing the paper's figures beside ours."""
