"""The article's third program, an LSTM with attention after it, corrected: as printed it runs in no framework.

The imports are changed as in the other two programs. The other changes are numbered in the code:

1. ``Input((None,))`` instead of ``Input(shape=(None, 1))``. A batch of token sequences has the axes (batch, time), and
   Embedding appends an axis of features. With the additional axis of length 1 the LSTM would receive four axes.
2. ``return_sequences=True``. Attention needs the output of the LSTM at every step; by default the LSTM returns only the
   last one.
3. ``GlobalAveragePooling1D()`` before the Dense layer. There is one target per sequence, not one per step.
4. The tokens are integers in 0..999. The random numbers in [0, 1) of the printed program would all be token 0.

The data are noise: inputs and targets are random and independent, so there is nothing to learn. The best prediction is
the mean of the targets, 0.5, and its mean squared error is the variance of numbers that are uniform in [0, 1):
1/12 = 0.0833. The loss cannot be lower on new data. The training loss falls to about 0.02 all the same, because the
model has enough parameters to memorize the 1,000 sequences.
"""

import numpy as np
from seqfuse.models import Model
from seqfuse.layers import Input, Dense, Embedding, LSTM, Attention, GlobalAveragePooling1D

# Transformer
inputs = Input((None,))  # 1
x = Embedding(1000, 64)(inputs)
x = LSTM(64, return_sequences=True)(x)  # 2
attention = Attention()([x, x])
x = GlobalAveragePooling1D()(attention)  # 3
x = Dense(1)(x)
model = Model(inputs, x)

# 训练
x_train = np.random.randint(0, 1000, (1000, 10))  # 4
y_train = np.random.random((1000, 1))
model.compile(optimizer='adam', loss='mse')
model.fit(x_train, y_train, epochs=10, batch_size=32)
