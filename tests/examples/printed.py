"""The article's three programs as printed, for Keras, and a function that adapts their imports to seqfuse."""

SIMPLE_RNN = """\
from keras.models import Sequential
from keras.layers import Dense, SimpleRNN

# 初期RNN
model = Sequential()
model.add(SimpleRNN(64, input_shape=(10, 1)))
model.add(Dense(1))
model.compile(optimizer='adam', loss='mse')

# 训练
x_train = np.random.random((1000, 10, 1))
y_train = np.random.random((1000, 1))
model.fit(x_train, y_train, epochs=10, batch_size=32)
"""

LSTM = """\
from keras.models import Sequential
from keras.layers import LSTM, Dense

# LSTM
model = Sequential()
model.add(LSTM(64, input_shape=(10, 1)))
model.add(Dense(1))
model.compile(optimizer='adam', loss='mse')

# 训练
x_train = np.random.random((1000, 10, 1))
y_train = np.random.random((1000, 1))
model.fit(x_train, y_train, epochs=10, batch_size=32)
"""

ATTENTION = """\
from keras.models import Model
from keras.layers import Input, Dense, Embedding, LSTM, Attention

# Transformer
inputs = Input(shape=(None, 1))
x = Embedding(1000, 64)(inputs)
x = LSTM(64)(x)
attention = Attention()([x, x])
x = Dense(1)(attention)
model = Model(inputs, x)

# 训练
x_train = np.random.random((1000, 10, 1))
y_train = np.random.random((1000, 1))
model.compile(optimizer='adam', loss='mse')
model.fit(x_train, y_train, epochs=10, batch_size=32)
"""


def for_seqfuse(program: str) -> str:
    """Return the program with seqfuse instead of keras in its imports, and with the missing import of numpy."""
    return "import numpy as np\n" + program.replace("from keras.", "from seqfuse.")
