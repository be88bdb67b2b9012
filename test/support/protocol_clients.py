"""Sends requests to a running server with public clients. Usage: protocol_clients.py URL"""

import http.client
import json
import sys
import threading
import urllib.request

import numpy as np
import pyarrow as pa
import tritonclient.http as triton
from openapi_spec_validator import OpenAPIV31SpecValidator
from tritonclient.utils import InferenceServerException

url = sys.argv[1]
MODEL = "volume"


def tensor(name, values):
    array = np.array(values, dtype=np.float64)
    result = triton.InferInput(name, list(array.shape), "FP64")
    result.set_data_from_numpy(array, binary_data=False)
    return result


def check_protocol():
    client = triton.InferenceServerClient(url.removeprefix("http://"))
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(MODEL)
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["name"] == "stock-market-pipeline"
    metadata = client.get_model_metadata(MODEL)
    assert [one["name"] for one in metadata["inputs"]] == ["vol_moving_avg", "adj_close_rolling_med"]
    inputs = [tensor("vol_moving_avg", [12345, 0]), tensor("adj_close_rolling_med", [25, 0])]
    outputs = [triton.InferRequestedOutput(name, binary_data=False) for name in ("prediction", "p50")]
    version = metadata["versions"][0]
    result = client.infer(MODEL, inputs, version, outputs=outputs, request_id="seven")
    assert result.get_response()["id"] == "seven"
    assert result.as_numpy("prediction").tolist() == [24691, 1]
    assert result.as_numpy("prediction").dtype == np.int64
    assert np.allclose(result.as_numpy("p50"), [24691, 1], rtol=1e-6)
    try:
        client.infer(MODEL, [tensor("vol_moving_avg", [-1]), inputs[1]], outputs=outputs)
    except InferenceServerException as error:
        assert "tensors of 1 and 2 rows" in str(error), error
    else:
        raise AssertionError("tensors of different lengths were accepted")


def check_openapi():
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        OpenAPIV31SpecValidator(json.load(answer)).validate()


def check_arrow(batches=16, rows=65_536):
    sink = pa.BufferOutputStream()
    schema = pa.schema([("vol_moving_avg", pa.int64()), ("adj_close_rolling_med", pa.float32())])
    with pa.ipc.new_stream(sink, schema) as writer:
        for start in range(0, batches * rows, rows):
            vol_moving_avg = pa.array([None, *range(start + 1, start + rows)], pa.int64())
            adj_close_rolling_med = pa.array(np.ones(rows, np.float32))
            writer.write_batch(pa.record_batch([vol_moving_avg, adj_close_rolling_med], schema))
    body = sink.getvalue().to_pybytes()
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=50)
    connection.putrequest("POST", "/predict")
    connection.putheader("Content-Type", "application/vnd.apache.arrow.stream")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    # The server stops reading while its answer is not read, so this sends and reads at the same time.
    sender = threading.Thread(target=connection.sock.sendall, args=[body])
    sender.start()
    table = pa.ipc.open_stream(connection.getresponse().read()).read_all()
    sender.join()
    # A log ratio of ln 2 doubles 1 + vol_moving_avg.
    expected = np.arange(batches * rows) * 2 + 1
    found = table["prediction"].to_pandas()
    assert found.isna().sum() == batches and len(found) == batches * rows
    assert (found.dropna() == expected[found.notna()]).all()


check_protocol()
check_openapi()
check_arrow()
print("ok")
