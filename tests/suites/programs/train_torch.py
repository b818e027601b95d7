# SPDX-License-Identifier: MIT
"""PyTorch on the CPU: a training with worker processes that load the data, autograd, a saved model, no GPU."""
import torch
from torch import nn

torch.manual_seed(10)
torch.set_num_threads(2)
x = torch.randn(512, 10)
y = x.sum(1, keepdim=True)


def main():
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=64, num_workers=2)
    for epoch in range(4):
        for a, b in loader:
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(a), b)
            loss.backward()
            optimizer.step()
        print(epoch, f"{loss.item():.4f}")
    torch.save(model.state_dict(), "model.pt")
    print(all(torch.equal(v, model.state_dict()[k]) for k, v in torch.load("model.pt", weights_only=True).items()))
    print(torch.cuda.is_available(), torch.cuda.device_count())
    try:
        torch.zeros(1, device="cuda")
    except (RuntimeError, AssertionError) as e:
        print(type(e).__name__, str(e).splitlines()[0][:80])


if __name__ == "__main__":
    main()
