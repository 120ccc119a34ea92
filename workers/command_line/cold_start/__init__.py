"""`python main.py cold-start`: a cold start in a terminal, without the web.

It is the resource that the API serves, in the same tables: what is begun here can be gone on with there. `start`
chooses items, `round` asks the model and waits, `show` and `rounds` tell what came of it, `review` goes through the
candidates one by one, `accept`, `edit`, `reject` and `reopen` decide about named ones, `change` sets the system message
or the stop rule, and `freeze` makes the prompt that `POST /v1/jobs` takes as `prompt_id`. `list` shows what there is,
`cancel` ends a round, `delete` a cold start.

Exit status: 0 done; 1 not all: a round that failed or was stopped, a prompt that is not satisfactory; 2 the order
itself is wrong.
"""
