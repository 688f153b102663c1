"""Follow the money: who got it, through whom, how much of it is where, and which rows say so."""
