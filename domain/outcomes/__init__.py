"""What has come of assessments and programs: scores over attempts, adherence, pain; and how it is drawn. Pure."""
