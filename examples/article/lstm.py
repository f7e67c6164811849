"""The article's second program, an LSTM: its imports say seqfuse for keras, and numpy, which the print leaves out."""

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
