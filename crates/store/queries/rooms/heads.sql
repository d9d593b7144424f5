SELECT id, head_seq FROM rooms WHERE id = ANY ($1)
