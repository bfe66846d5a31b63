"""Train, calibrate and apply the teacher."""
