"""`python main.py`: what the service does, for one dataset and one person, with the files of the original as output.

It is no second pipeline. The file becomes a dataset row, the prompt a prompt version, the arguments a job with its
shards, and a worker in this process works them; where a service runs on the same folder or database, its workers
take part, and its API shows the job.

Which job a run means: the job carries a fingerprint in its metadata (`main_py`), made of the dataset (the kind, the
class's source file, the content of the annotations, the version), the prompt, the model, the slice and the
languages. A second run with the same ones continues that job - after Ctrl-C, a kill or a spent budget - and pays for
nothing again; a job that is done is only written out once more. What failed is asked again, as the reason for a
second run. How fast and for how much (`--num_threads`, `--max_cost_usd`) is no part of it and may change from run to
run. To have everything made anew, give another `--dataset_version`. A cancelled job is never continued.

Ctrl-C pauses the job, so that nobody works it on, waits for the calls under way and records them; a second Ctrl-C
does not wait (their answers are then lost, though paid for). Output is written after a pause too.

Exit status: 0 all items done; 1 not all: failed, paused, or interrupted; 2 the order itself is wrong or nothing can
be started, told in one line.
"""
