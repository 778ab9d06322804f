"""What endpoints did, counted as CloudWatch counts it, and the alarms that watch it."""

import operator
import threading
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

EVERY = 1  # seconds between two deliveries to CloudWatch
COMPARE = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


class Metrics:
    """Collects what happened and delivers it every second."""

    def __init__(self, cloud):
        self.cloud = cloud
        self._found = defaultdict(Counter)
        self._lock = threading.Lock()
        threading.Thread(target=self._deliver, daemon=True).start()

    def invocation(self, dimensions: dict[str, str], status: int, seconds: float) -> None:
        """Count one request to a variant, with the status that its model answered."""
        values = {
            "Invocations": 1,
            "Invocation4XXErrors": int(400 <= status < 500),
            "Invocation5XXErrors": int(status >= 500 or status == 0),
            "ModelLatency": round(seconds * 1e6),
        }
        key = tuple(dimensions.items())
        with self._lock:
            for name, value in values.items():
                self._found[key, name][float(value)] += 1

    def in_alarm(self, name: str) -> bool:
        """Return whether an alarm has gone off, and tell CloudWatch so."""
        client = self.cloud.client("cloudwatch")
        alarm = client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
        if alarm["StateValue"] == "ALARM":
            return True
        self._flush()
        period, end = timedelta(seconds=alarm["Period"]), datetime.now(UTC) + timedelta(seconds=1)
        for number in range(alarm["EvaluationPeriods"]):
            points = client.get_metric_statistics(
                Namespace=alarm["Namespace"],
                MetricName=alarm["MetricName"],
                Dimensions=alarm.get("Dimensions", []),
                StartTime=end - (number + 1) * period,
                EndTime=end - number * period,
                Period=alarm["Period"],
                Statistics=[alarm["Statistic"]],
            )["Datapoints"]
            compare = COMPARE[alarm["ComparisonOperator"]]
            if not any(compare(point[alarm["Statistic"]], alarm["Threshold"]) for point in points):
                return False
        client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="Threshold Crossed")
        return True

    def _deliver(self):
        while not self.cloud.stopping.wait(EVERY):
            self._flush()

    def _flush(self):
        with self._lock:
            found, self._found = self._found, defaultdict(Counter)
        data = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
                "Values": list(counts),
                "Counts": [float(count) for count in counts.values()],
                "Unit": "Microseconds" if name == "ModelLatency" else "None",
            }
            for (dimensions, name), counts in found.items()
        ]
        if data:
            self.cloud.client("cloudwatch").put_metric_data(Namespace="AWS/SageMaker", MetricData=data)
