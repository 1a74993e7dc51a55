"""A forest and a search over parameters, by two processes (n_jobs=2)."""

import os

from joblib import Parallel, delayed
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main():
    data, target = load_iris(return_X_y=True)
    train, test, train_target, test_target = train_test_split(data, target, random_state=0)
    forest = RandomForestClassifier(n_estimators=20, n_jobs=2, random_state=0).fit(train, train_target)
    assert forest.score(test, test_target) > 0.9
    model = make_pipeline(StandardScaler(), LogisticRegression())
    search = GridSearchCV(model, {"logisticregression__C": [0.1, 1, 10]}, n_jobs=2).fit(train, train_target)
    assert search.score(test, test_target) > 0.9
    assert cross_val_score(model, data, target, cv=3, n_jobs=2).mean() > 0.9
    processes = set(Parallel(n_jobs=2, backend="loky")(delayed(os.getpid)() for _ in range(20)))
    assert os.getpid() not in processes
    print("as expected")
