"""What a notebook takes and gives: the parameters of a profile, and the report folder that it saves into."""
