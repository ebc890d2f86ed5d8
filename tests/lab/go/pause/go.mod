module meshalliance.invalid/lab/pause

go 1.24.0
