"""The reference: the published training, in the plainest way everybody writes it. Nothing of Binwise is used here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torchvision
import transformers
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import transforms
from torchvision.datasets import ImageFolder

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
Loader = DataLoader[Any]


def train_transform(size: int) -> Any:
    """The recipe's augmentation: PIL picture -> tensor (3, size, size)."""
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(size, scale=(0.8, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.RandomRotation(15),
            transforms.ColorJitter(0.2, 0.2, 0.2, 0.1),
            transforms.RandomAffine(0, translate=(0.1, 0.1)),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )


def val_transform(size: int) -> Any:
    """No augmentation: PIL picture -> tensor (3, size, size)."""
    return transforms.Compose(
        [transforms.Resize(size), transforms.CenterCrop(size), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    )


def picture_loader(folder: Path, transform: Any, *, shuffle: bool, batch_size: int = 32) -> Loader:
    """Every picture of a class-folder tree, decoded again each epoch, in this process."""
    return DataLoader(ImageFolder(str(folder), transform), batch_size=batch_size, shuffle=shuffle, num_workers=0)


def image_network(classes: int) -> nn.Module:
    """MobileNetV3-Large with the recipe's head in its classifier's place."""
    network: nn.Module = torchvision.models.mobilenet_v3_large(weights=None)
    network.classifier = nn.Sequential(
        nn.Linear(960, 512),
        nn.BatchNorm1d(512),
        nn.ReLU(inplace=True),
        nn.Dropout(0.3),
        nn.Linear(512, 256),
        nn.BatchNorm1d(256),
        nn.ReLU(inplace=True),
        nn.Dropout(0.2),
        nn.Linear(256, classes),
    )
    return network


def image_optimizer(network: Any) -> torch.optim.Optimizer:
    """AdamW with a group each for backbone and head."""
    return torch.optim.AdamW(
        [
            {"params": network.features.parameters(), "lr": 1e-4, "weight_decay": 0.0},
            {"params": network.classifier.parameters(), "lr": 1e-3, "weight_decay": 1e-4},
        ]
    )


def image_loss(labels: Sequence[int], device: torch.device) -> nn.Module:
    """Cross entropy with the classes' weights n / (k * n_c)."""
    counts = torch.bincount(torch.tensor(labels))
    return nn.CrossEntropyLoss(weight=(len(labels) / (len(counts) * counts)).to(device))


def train_image_epoch(
    network: nn.Module, loader: Loader, optimizer: torch.optim.Optimizer, loss_function: nn.Module, device: torch.device
) -> tuple[float, float]:
    """Mean loss and accuracy of one epoch, read off the device at every step."""
    network.train()
    loss_sum, hits, samples = 0.0, 0.0, 0
    for pictures, labels in loader:
        pictures, labels = pictures.to(device), labels.to(device)  # noqa: PLW2901
        optimizer.zero_grad()
        logits = network(pictures)
        loss = loss_function(logits, labels)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(labels)
        hits += (logits.argmax(dim=1) == labels).sum().item()
        samples += len(labels)
    return loss_sum / samples, hits / samples


@torch.no_grad()
def evaluate_images(
    network: nn.Module, loader: Loader, loss_function: nn.Module, device: torch.device
) -> tuple[float, float]:
    """Mean loss and accuracy on a split."""
    network.eval()
    loss_sum, hits, samples = 0.0, 0.0, 0
    for pictures, labels in loader:
        pictures, labels = pictures.to(device), labels.to(device)  # noqa: PLW2901
        logits = network(pictures)
        loss_sum += loss_function(logits, labels).item() * len(labels)
        hits += (logits.argmax(dim=1) == labels).sum().item()
        samples += len(labels)
    return loss_sum / samples, hits / samples


def text_loader(
    sequences: Sequence[Sequence[int]], labels: Sequence[int], length: int, *, shuffle: bool, batch_size: int = 64
) -> Loader:
    """Token ids, masks and labels, every sequence padded with 0 to `length` tokens."""
    ids = torch.zeros(len(sequences), length, dtype=torch.long)
    mask = torch.zeros(len(sequences), length, dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    data = TensorDataset(ids, mask, torch.tensor(labels))
    return DataLoader(data, batch_size=batch_size, shuffle=shuffle, num_workers=0)


def text_optimizer(
    classifier: nn.Module, learning_rate: float, total_steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW, and the linear schedule with a warm-up over a tenth of all steps."""
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=learning_rate, weight_decay=0.01)
    warm_up = round(total_steps * 0.1)
    return optimizer, transformers.get_linear_schedule_with_warmup(optimizer, warm_up, total_steps)


def train_text_epoch(
    classifier: nn.Module,
    loader: Loader,
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler,
    device: torch.device,
) -> tuple[float, float]:
    """Mean loss and accuracy of one epoch, read off the device at every step."""
    classifier.train()
    loss_function = nn.CrossEntropyLoss()
    loss_sum, hits, samples = 0.0, 0.0, 0
    for batch in loader:
        ids, mask, labels = (tensor.to(device) for tensor in batch)
        optimizer.zero_grad()
        logits = classifier(input_ids=ids, attention_mask=mask).logits
        loss = loss_function(logits, labels)
        loss.backward()
        nn.utils.clip_grad_norm_(classifier.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        loss_sum += loss.item() * len(labels)
        hits += (logits.argmax(dim=1) == labels).sum().item()
        samples += len(labels)
    return loss_sum / samples, hits / samples


@torch.no_grad()
def evaluate_texts(classifier: nn.Module, loader: Loader, device: torch.device) -> tuple[float, float]:
    """Mean loss and accuracy on a split."""
    classifier.eval()
    loss_sum, hits, samples = 0.0, 0.0, 0
    for batch in loader:
        ids, mask, labels = (tensor.to(device) for tensor in batch)
        logits = classifier(input_ids=ids, attention_mask=mask).logits
        loss_sum += nn.functional.cross_entropy(logits, labels).item() * len(labels)
        hits += (logits.argmax(dim=1) == labels).sum().item()
        samples += len(labels)
    return loss_sum / samples, hits / samples
