SELECT login_id, owner_id, outcome FROM rotate_refresh_token($1, $2, $3, $4)
