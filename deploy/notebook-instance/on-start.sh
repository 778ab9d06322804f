#!/usr/bin/env bash
# Lifecycle script of a SageMaker notebook instance, "start": name the kernel again, which a stopped instance forgets,
# and stop the instance when nobody has used it for an hour.
set -euo pipefail

HOME_FOLDER="${GLUON_LESSONS_HOME:-/home/ec2-user/SageMaker}"
COURSE="$HOME_FOLDER/gluon-lessons"
ENVIRONMENT="$HOME_FOLDER/.gluon-lessons-env"
LEARNER="${GLUON_LESSONS_USER:-ec2-user}"
IDLE_MINUTES=60

if [[ -x "$ENVIRONMENT/bin/python" ]]; then
    kernel=("$ENVIRONMENT/bin/python" -m ipykernel install --user --name gluon-lessons --display-name "Gluon Lessons")
    if [[ "$(id -un)" == "$LEARNER" ]]; then
        "${kernel[@]}"
    else
        runuser -u "$LEARNER" -- "${kernel[@]}"
    fi
else
    echo "The environment is still being built: see $HOME_FOLDER/install.log." >&2
fi

# As the learner, who can write the script and whose role may stop the instance: root must not run what others can write.
if [[ "$(id -u)" == 0 ]] && command -v crontab > /dev/null; then
    stop="/usr/bin/python3 $COURSE/deploy/notebook-instance/stop_when_idle.py --minutes $IDLE_MINUTES"
    { crontab -l 2> /dev/null | grep -v stop_when_idle || true; } | crontab - # what an older version of this left
    { crontab -u "$LEARNER" -l 2> /dev/null | grep -v stop_when_idle || true; echo "*/5 * * * * $stop"; } |
        crontab -u "$LEARNER" -
fi
