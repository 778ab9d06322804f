"""The exercises of lesson 19, batch transform."""

from gluon_lessons.course.check import call, exercise


@exercise("Correct. The second job pays only for what is missing.")
def manifest(function):
    pictures = ["a.jpg", "b.out.jpg", "c.jpg", "d.jpg"]
    keys, folder = ["b.out.jpg.out", "d.jpg.out"], "s3://bucket/crops/"
    answer = call(function, list(pictures), list(keys), folder)
    if not isinstance(answer, list):
        return "A manifest is a list, written as JSON."
    if {"prefix": folder} not in answer:
        return 'The list lacks what all names begin with: {"prefix": folder}.'
    if answer[0] != {"prefix": folder}:
        return "The prefix comes first, then the names."
    names = answer[1:]
    if any(not isinstance(name, str) for name in names):
        return "After the prefix come the names, one by one, not a list in the list."
    if any(name.startswith(folder) for name in names):
        return "The prefix is put before each name, so a name must not hold the folder as well."
    if set(names) == {"b.out.jpg", "d.jpg"}:
        return "Those are the pictures that have been answered. List the others."
    if set(names) == set(pictures):
        return "All pictures are in it. A key is the picture's name with .out after it: compare without that ending."
    if set(names) == {"a.jpg", "b.out.jpg", "c.jpg"}:
        return "b.out.jpg has been answered, by b.out.jpg.out. Take away only the ending: removesuffix."
    if names != ["a.jpg", "c.jpg"]:
        return f"Of a.jpg, b.out.jpg, c.jpg and d.jpg the first and the third are missing; yours lists {names}."
    return None


@exercise("Correct. A day has so many seconds, and pictures come first.")
def most_jobs(function):
    answer = call(function, 36000, 0.5, 1000)
    if answer == 86:
        return "Your jobs do nothing but start. Take the time of the pictures from the day first."
    if answer <= 0:
        return "Mind the units: a day has 24 * 60 * 60 seconds."
    if answer == 68.4:
        return "There are no parts of jobs: give the whole number below."
    if answer == 69:
        return "One more than the day holds. Round down."
    if answer != 68:
        return (
            f"36000 pictures of half a second and starts of 1000 seconds leave room for 68 jobs; yours says {answer}."
        )
    if call(function, 200000, 0.5, 1000) != 0:
        return "Pictures that fill more than the day leave no room: the answer is 0, not less."
    return None
