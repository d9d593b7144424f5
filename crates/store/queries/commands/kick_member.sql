SELECT * FROM kick_member($1, $2, $3, $4, $5, $6, $7)
