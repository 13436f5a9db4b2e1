"""Signal-responsive deployment: judge a live rollout and move its traffic, or only say what one would do."""

KIND = "rollout"
