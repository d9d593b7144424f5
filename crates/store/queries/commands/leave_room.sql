SELECT * FROM leave_room($1, $2, $3, $4, $5, $6)
