"""How much one person may ask for: requests, replies at once, free replies, budgets.

rules, memory, shared    windows and seats, kept in this process or in Redis by one algorithm
store                    which of the two, and what happens when Redis does not answer
terms                    what somebody's plan, and the key they use, allow
admission                one request's way past the limits, and the headers that tell of it
budgets                  most credits of a day and a month: sums over the database
standing                 how somebody, and the site, stand now
"""
