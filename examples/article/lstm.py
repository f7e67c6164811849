"""The article's second program: an LSTM. Changed: seqfuse instead of keras in the imports, numpy is imported.

The data are noise: inputs and targets are random and independent, so there is nothing to learn. The best prediction is
the mean of the targets, 0.5, and its mean squared error is the variance of numbers that are uniform in [0, 1):
1/12 = 0.0833. The loss approaches this value, up to the chance deviation of the 1,000 targets. It cannot be lower on
new data.
"""

import numpy as np
from seqfuse.models import Sequential
from seqfuse.layers import LSTM, Dense

# LSTM
model = Sequential()
model.add(LSTM(64, input_shape=(10, 1)))
model.add(Dense(1))
model.compile(optimizer='adam', loss='mse')

# 训练
x_train = np.random.random((1000, 10, 1))
y_train = np.random.random((1000, 1))
model.fit(x_train, y_train, epochs=10, batch_size=32)
