# SPDX-License-Identifier: MIT
"""scikit-learn: a forest, a logistic regression with workers, clustering; seeds fixed, results printed in full."""
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

x, y = make_classification(n_samples=800, n_features=12, random_state=1)
forest = RandomForestClassifier(n_estimators=40, random_state=2, n_jobs=2).fit(x, y)
print("forest", forest.score(x, y), np.round(forest.feature_importances_, 6).tolist())
print("folds", np.round(cross_val_score(LogisticRegression(), x, y, cv=3, n_jobs=2), 6).tolist())
print("clusters", np.bincount(KMeans(4, n_init=3, random_state=3).fit_predict(x)).tolist())
