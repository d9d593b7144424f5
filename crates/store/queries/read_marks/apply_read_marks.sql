SELECT * FROM apply_read_marks($1, $2, $3, $4)
