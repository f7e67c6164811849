"""The article's third program, an LSTM with attention behind it, corrected: as printed it runs in no framework.

What was changed, beside the imports, and why; each place is numbered below:

1. `Input((None,))` for `Input(shape=(None, 1))`: a sequence of tokens has one axis, and Embedding adds that of its vectors.
   With another axis in between, the LSTM would be given four axes.
2. `return_sequences=True`: Attention looks at every step of the LSTM, which otherwise gives the last one alone.
3. `GlobalAveragePooling1D()` before the Dense: there is one number to be learnt for a sequence, not one for each step.
4. Tokens are integers in 0..999. The print's random numbers in [0, 1) would all be the token 0.
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
