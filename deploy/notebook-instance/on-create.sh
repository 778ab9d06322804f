#!/usr/bin/env bash
# Lifecycle script of a SageMaker notebook instance, "create": build the course's environment once.
# Before: the course lies in /home/ec2-user/SageMaker/gluon-lessons, for example as the instance's Git repository.
# SageMaker gives a script five minutes, so the work goes on in the background; install.log tells how it went.
set -euo pipefail

HOME_FOLDER="${GLUON_LESSONS_HOME:-/home/ec2-user/SageMaker}" # what is outside of it is lost when the instance stops
COURSE="$HOME_FOLDER/gluon-lessons"
ENVIRONMENT="$HOME_FOLDER/.gluon-lessons-env"
LEARNER="${GLUON_LESSONS_USER:-ec2-user}"
CONDA="${CONDA_EXE:-/home/ec2-user/anaconda3/bin/conda}"

if [[ ! -f "$COURSE/requirements.lock" ]]; then
    echo "The course is not in $COURSE. Give the notebook instance its Git repository, or copy it there." >&2
    exit 1
fi

cat > "$HOME_FOLDER/.gluon-lessons-install.sh" <<INSTALL
set -euo pipefail
"$CONDA" create --yes --prefix "$ENVIRONMENT" python=3.11 pip
"$ENVIRONMENT/bin/python" -m pip install --require-hashes -r "$COURSE/requirements.lock"
"$ENVIRONMENT/bin/python" -m pip install --no-deps --no-build-isolation -e "$COURSE"
GLUON_LESSONS_HOME="$HOME_FOLDER" GLUON_LESSONS_USER="$LEARNER" bash "$COURSE/deploy/notebook-instance/on-start.sh"
echo "The kernel Gluon Lessons is ready."
INSTALL

nohup runuser -u "$LEARNER" -- bash "$HOME_FOLDER/.gluon-lessons-install.sh" > "$HOME_FOLDER/install.log" 2>&1 &
