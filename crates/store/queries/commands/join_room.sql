SELECT * FROM join_room($1, $2, $3, $4, $5, $6)
